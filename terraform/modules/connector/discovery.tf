# The Nodes of the mesh find each other by this name, and the function finds them where there is no load balancer: it has
# an A record for each replica. ECS registers no such record for a Node that uses the network of its instance.

locals {
  mesh_name = local.has_nat_gateway ? "${aws_service_discovery_service.node[0].name}.${aws_service_discovery_private_dns_namespace.this[0].name}" : ""
}

resource "aws_service_discovery_private_dns_namespace" "this" {
  count = local.has_nat_gateway ? 1 : 0

  name        = "${local.name}.internal"
  description = "Names of the Wallarm Native Nodes"
  vpc         = local.vpc_id

  tags = local.tags
}

resource "aws_service_discovery_service" "node" {
  count = local.has_nat_gateway ? 1 : 0

  name = "native-node"

  dns_config {
    namespace_id   = aws_service_discovery_private_dns_namespace.this[0].id
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
