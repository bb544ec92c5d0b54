# The Nodes of the mesh find each other by this name: it has an A record for each replica.

resource "aws_service_discovery_private_dns_namespace" "this" {
  name        = "${local.name}.internal"
  description = "Names of the Wallarm Native Nodes"
  vpc         = local.vpc_id

  tags = local.tags
}

resource "aws_service_discovery_service" "node" {
  name = "native-node"

  dns_config {
    namespace_id   = aws_service_discovery_private_dns_namespace.this.id
    routing_policy = "MULTIVALUE"

    dns_records {
      type = "A"
      ttl  = 10
    }
  }

  # ECS reports which replicas are healthy. This can be set only when the service is created, and Cloud Map
  # accepts no other threshold than 1.
  health_check_custom_config {
    failure_threshold = 1
  }

  # An instance that ECS did not remove in time would block a destroy.
  force_destroy = true

  tags = local.tags
}
