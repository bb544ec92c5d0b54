# Allowed traffic: from the function to the load balancer, from the load balancer to the Node, and between the Nodes.
# Without a load balancer: from the function to the Node. DNS uses the VPC's resolver, which security groups do not
# filter; a DNS server of your own can't be reached.
#
# Whatever uses a group leaves it before it is destroyed, as when the Node is to be another one. Terraform knows that only
# of what is created before it is destroyed.

locals {
  listener_port = local.has_domain ? 443 : 80
}

resource "aws_security_group" "lambda" {
  count = local.own_node ? 1 : 0

  name        = "${local.name}-lambda"
  description = "The function that forwards access-log lines"
  vpc_id      = local.vpc_id

  tags = merge(local.tags, { Name = "${local.name}-lambda" })

  # After the function is deleted, Lambda takes up to 45 minutes to remove its network interfaces, and needs
  # the function's role for it. The group is deleted after the interfaces, and the role after the group.
  timeouts {
    delete = "60m"
  }

  depends_on = [aws_iam_role_policy.lambda]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "alb" {
  count = local.has_load_balancer ? 1 : 0

  name        = "${local.name}-alb"
  description = "The load balancer in front of the Node"
  vpc_id      = local.vpc_id

  tags = merge(local.tags, { Name = "${local.name}-alb" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "node" {
  count = local.own_node ? 1 : 0

  name        = "${local.name}-node"
  description = "The Wallarm Native Node"
  vpc_id      = local.vpc_id

  tags = merge(local.tags, { Name = "${local.name}-node" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "instance" {
  count = local.has_nat_gateway ? 1 : 0

  name        = "${local.name}-instance"
  description = "The instances that the Node runs on"
  vpc_id      = local.vpc_id

  tags = merge(local.tags, { Name = "${local.name}-instance" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "lambda_to_alb" {
  count = local.has_load_balancer ? 1 : 0

  security_group_id            = aws_security_group.lambda[0].id
  referenced_security_group_id = aws_security_group.alb[0].id
  description                  = "Calls to the Node, and nothing else"
  ip_protocol                  = "tcp"
  from_port                    = local.listener_port
  to_port                      = local.listener_port

  tags = local.tags

  # If a live stack changes to HTTPS, the old port stays open until the listener can leave it: a certificate
  # may take some time.
  depends_on = [aws_acm_certificate_validation.node]
}

resource "aws_vpc_security_group_ingress_rule" "alb_from_lambda" {
  count = local.has_load_balancer ? 1 : 0

  security_group_id            = aws_security_group.alb[0].id
  referenced_security_group_id = aws_security_group.lambda[0].id
  description                  = "Calls from the function"
  ip_protocol                  = "tcp"
  from_port                    = local.listener_port
  to_port                      = local.listener_port

  tags = local.tags

  # As above.
  depends_on = [aws_acm_certificate_validation.node]
}

resource "aws_vpc_security_group_egress_rule" "alb_to_node" {
  count = local.has_load_balancer ? 1 : 0

  security_group_id            = aws_security_group.alb[0].id
  referenced_security_group_id = aws_security_group.node[0].id
  description                  = "Calls and health checks to the Node"
  ip_protocol                  = "tcp"
  from_port                    = local.node_port
  to_port                      = local.node_port

  tags = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "node_from_alb" {
  count = local.has_load_balancer ? 1 : 0

  security_group_id            = aws_security_group.node[0].id
  referenced_security_group_id = aws_security_group.alb[0].id
  description                  = "Calls and health checks from the load balancer"
  ip_protocol                  = "tcp"
  from_port                    = local.node_port
  to_port                      = local.node_port

  tags = local.tags
}

resource "aws_vpc_security_group_egress_rule" "lambda_to_node" {
  count = local.own_node && !local.has_load_balancer ? 1 : 0

  security_group_id            = aws_security_group.lambda[0].id
  referenced_security_group_id = aws_security_group.node[0].id
  description                  = "Calls to the Node, and nothing else"
  ip_protocol                  = "tcp"
  from_port                    = local.node_port
  to_port                      = local.node_port

  tags = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "node_from_lambda" {
  count = local.own_node && !local.has_load_balancer ? 1 : 0

  security_group_id            = aws_security_group.node[0].id
  referenced_security_group_id = aws_security_group.lambda[0].id
  description                  = "Calls from the function"
  ip_protocol                  = "tcp"
  from_port                    = local.node_port
  to_port                      = local.node_port

  tags = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "node_mesh" {
  count = local.has_nat_gateway ? 1 : 0

  security_group_id            = aws_security_group.node[0].id
  referenced_security_group_id = aws_security_group.node[0].id
  description                  = "The mesh, from other Nodes"
  ip_protocol                  = "tcp"
  from_port                    = local.mesh_port
  to_port                      = local.mesh_port

  tags = local.tags
}

resource "aws_vpc_security_group_egress_rule" "node_mesh" {
  count = local.has_nat_gateway ? 1 : 0

  security_group_id            = aws_security_group.node[0].id
  referenced_security_group_id = aws_security_group.node[0].id
  description                  = "The mesh, to other Nodes"
  ip_protocol                  = "tcp"
  from_port                    = local.mesh_port
  to_port                      = local.mesh_port

  tags = local.tags
}

resource "aws_vpc_security_group_egress_rule" "node_to_cloud" {
  count = local.own_node ? 1 : 0

  security_group_id = aws_security_group.node[0].id
  description       = "HTTPS to Wallarm's Cloud, whose addresses change"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443

  tags = local.tags
}

resource "aws_vpc_security_group_egress_rule" "instance_to_internet" {
  count = local.has_nat_gateway ? 1 : 0

  security_group_id = aws_security_group.instance[0].id
  description       = "HTTPS to ECS, CloudWatch Logs, SSM and the images' registries"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443

  tags = local.tags
}
