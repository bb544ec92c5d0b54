resource "aws_lb" "node" {
  count = local.has_load_balancer ? 1 : 0

  name               = local.short_name
  internal           = true
  load_balancer_type = "application"
  subnets            = local.private_subnet_ids
  security_groups    = [aws_security_group.alb[0].id]

  # The function repeats untrusted data. The load balancer drops invalid headers, and leaves the API's host
  # and the caller's address as the function sent them.
  drop_invalid_header_fields = true
  preserve_host_header       = true
  xff_header_processing_mode = "preserve"

  enable_deletion_protection = var.alb_deletion_protection

  dynamic "access_logs" {
    for_each = var.alb_access_logs_bucket != "" ? [var.alb_access_logs_bucket] : []

    content {
      bucket  = access_logs.value
      prefix  = local.name
      enabled = true
    }
  }

  tags = local.tags
}

resource "aws_lb_target_group" "node" {
  count = local.has_load_balancer ? 1 : 0

  name        = local.short_name
  vpc_id      = local.vpc_id
  target_type = "ip"
  protocol    = "HTTP"
  port        = local.node_port

  # The function repeats messages without a response, so a Node may stop soon after it is told to.
  deregistration_delay = 30

  health_check {
    path                = local.health_path
    port                = "traffic-port"
    protocol            = "HTTP"
    matcher             = "200"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  tags = local.tags
}

resource "aws_lb_listener" "node" {
  count = local.has_load_balancer ? 1 : 0

  load_balancer_arn = aws_lb.node[0].arn
  port              = local.listener_port
  protocol          = upper(local.node_scheme)
  ssl_policy        = local.has_domain ? "ELBSecurityPolicy-TLS13-1-2-2021-06" : null
  # The ARN comes from the validation, not the certificate: a listener rejects a certificate not issued yet.
  certificate_arn = one(aws_acm_certificate_validation.node[*].certificate_arn)

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.node[0].arn
  }

  tags = local.tags
}

# In host networking, ECS registers only targets by their instance. The address is fixed, so that the same target group
# serves both kinds of Nodes.
resource "aws_lb_target_group_attachment" "node" {
  count = local.has_load_balancer && local.is_single_instance ? 1 : 0

  target_group_arn = aws_lb_target_group.node[0].arn
  target_id        = aws_network_interface.node[0].private_ip
  port             = local.node_port
}
