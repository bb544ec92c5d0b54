# The name under which the Nodes of the mesh find each other: an A record for each replica.

resource "aws_service_discovery_private_dns_namespace" "this" {
  name        = "${local.name}.internal"
  description = "Names of the Wallarm Native Nodes"
  vpc         = local.vpc_id
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

  # ECS says which replicas are sound. It can be set only when the service is created, and Cloud Map
  # takes no other threshold than 1.
  health_check_custom_config {
    failure_threshold = 1
  }

  # An instance that ECS did not take out in time would hold up a destroy.
  force_destroy = true
}
