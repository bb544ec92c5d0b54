# HTTPS between the function and the Node: a record, and for the load balancer a certificate that is validated by DNS.
# Without a load balancer, the Node itself has the certificate, from a secret.
# The public zone may contain an address that can be reached only inside the VPC.

data "aws_route53_zone" "node" {
  count = local.has_domain ? 1 : 0

  name         = var.r53_domain_name
  private_zone = false
}

resource "aws_acm_certificate" "node" {
  count = local.has_certificate ? 1 : 0

  domain_name       = local.fqdn
  validation_method = "DNS"

  tags = local.tags

  # The listener uses the old certificate until it has the new one.
  lifecycle {
    create_before_destroy = true
  }
}

locals {
  has_certificate = local.has_domain && local.has_load_balancer

  # A certificate with one name has one option.
  validation = local.has_certificate ? one(aws_acm_certificate.node[0].domain_validation_options) : null
}

resource "aws_route53_record" "validation" {
  count = local.has_certificate ? 1 : 0

  zone_id = data.aws_route53_zone.node[0].zone_id
  name    = local.validation.resource_record_name
  type    = local.validation.resource_record_type
  records = [local.validation.resource_record_value]
  ttl     = 60
  # The record is the same for each certificate of this name in the account.
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "node" {
  count = local.has_certificate ? 1 : 0

  certificate_arn         = aws_acm_certificate.node[0].arn
  validation_record_fqdns = aws_route53_record.validation[*].fqdn
}

resource "aws_route53_record" "node" {
  count = local.has_domain ? 1 : 0

  zone_id = data.aws_route53_zone.node[0].zone_id
  name    = local.fqdn
  type    = local.has_load_balancer || local.is_single_instance ? "A" : "CNAME"
  ttl     = local.has_load_balancer ? null : 60
  records = local.has_load_balancer ? null : local.is_single_instance ? aws_network_interface.node[*].private_ip : [local.mesh_name]

  dynamic "alias" {
    for_each = aws_lb.node

    content {
      name    = alias.value.dns_name
      zone_id = alias.value.zone_id
      # There is no other record that DNS could return instead.
      evaluate_target_health = false
    }
  }
}
