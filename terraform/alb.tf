resource "aws_lb" "node" {
  name               = local.short_name
  internal           = true
  load_balancer_type = "application"
  subnets            = local.private_subnet_ids
  security_groups    = [aws_security_group.alb.id]

  # What the function repeats was written by strangers: what is no sound header goes no further, and
  # the API's host and the caller's address reach the Node as the function sent them.
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
}

resource "aws_lb_target_group" "node" {
  name        = local.short_name
  vpc_id      = local.vpc_id
  target_type = "ip"
  protocol    = "HTTP"
  port        = local.node_port

  # The function repeats what gets no answer, so that a Node may go soon after it was told to.
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
}

resource "aws_lb_listener" "node" {
  load_balancer_arn = aws_lb.node.arn
  port              = local.listener_port
  protocol          = upper(local.node_scheme)
  ssl_policy        = local.is_https ? "ELBSecurityPolicy-TLS13-1-2-2021-06" : null
  # The validation's, and not the certificate's: a listener refuses a certificate not issued yet.
  certificate_arn = one(aws_acm_certificate_validation.node[*].certificate_arn)

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.node.arn
  }
}
