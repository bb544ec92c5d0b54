locals {
  # By the number of subnets, which is known even where they are created in the same apply.
  create_vpc = local.own_node && length(var.private_subnet_ids) == 0

  # The zone use1-az3 has neither Lambda in a VPC nor current instance types.
  zone_names = length(var.availability_zones) > 0 ? var.availability_zones : slice(flatten(data.aws_availability_zones.all[*].names), 0, local.create_vpc ? 2 : 0)

  # Zone to number. Without a VPC to create, everything below is empty.
  zones     = { for index, zone in local.zone_names : zone => index if local.create_vpc }
  nat_zones = { for zone, index in local.zones : zone => index if local.has_nat_gateway && (index == 0 || var.nat_gateway_per_zone) }

  vpc_id             = local.create_vpc ? one(aws_vpc.this[*].id) : var.vpc_id
  private_subnet_ids = local.create_vpc ? [for zone in local.zone_names : aws_subnet.private[zone].id] : var.private_subnet_ids
}

# Zones in any state: otherwise a failing zone would count as removed, together with its subnets.
data "aws_availability_zones" "all" {
  count = local.create_vpc ? 1 : 0

  exclude_zone_ids = ["use1-az3"]

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

resource "aws_vpc" "this" {
  count = local.create_vpc ? 1 : 0

  cidr_block = var.vpc_cidr
  # Names of Cloud Map's private zone resolve only if both are on.
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = merge(local.tags, { Name = local.name })
}

# Nothing uses this group, and nothing may use it: without rules it allows no traffic. It has no tags: AWS made the group,
# and whoever may tag a group that somebody else made could then do anything to it, by policies that go by tags.
resource "aws_default_security_group" "this" {
  count = local.create_vpc ? 1 : 0

  vpc_id = local.vpc_id
}

resource "aws_internet_gateway" "this" {
  count = local.create_vpc ? 1 : 0

  vpc_id = local.vpc_id

  tags = merge(local.tags, { Name = local.name })
}

################################################################################
# Public subnets: the NAT gateways, or without them the Node's instance
################################################################################

resource "aws_subnet" "public" {
  for_each = local.zones

  vpc_id            = local.vpc_id
  availability_zone = each.key
  # Within the first sixteenth of the range; the private ones have a sixteenth each.
  cidr_block = cidrsubnet(var.vpc_cidr, 8, each.value)

  tags = merge(local.tags, { Name = "${local.name}-public-${each.key}" })
}

resource "aws_route_table" "public" {
  count = local.create_vpc ? 1 : 0

  vpc_id = local.vpc_id

  tags = merge(local.tags, { Name = "${local.name}-public" })
}

resource "aws_route" "public_internet" {
  count = local.create_vpc ? 1 : 0

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  for_each = local.zones

  subnet_id      = aws_subnet.public[each.key].id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_eip" "nat" {
  for_each = local.nat_zones

  domain = "vpc"

  tags = merge(local.tags, { Name = "${local.name}-nat-${each.key}" })

  # An address in a VPC without its gateway can neither be used nor released.
  depends_on = [aws_internet_gateway.this]
}

resource "aws_nat_gateway" "this" {
  for_each = local.nat_zones

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id

  tags = merge(local.tags, { Name = "${local.name}-${each.key}" })

  depends_on = [aws_route.public_internet, aws_route_table_association.public]
}

################################################################################
# Private subnets: the function, the load balancer and, with a NAT gateway, the Node
################################################################################

resource "aws_subnet" "private" {
  for_each = local.zones

  vpc_id            = local.vpc_id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, each.value + 1)

  tags = merge(local.tags, { Name = "${local.name}-private-${each.key}" })

  # As long as the timeout of the function's security group, which waits for Lambda.
  timeouts {
    delete = "60m"
  }
}

resource "aws_route_table" "private" {
  for_each = local.zones

  vpc_id = local.vpc_id

  tags = merge(local.tags, { Name = "${local.name}-private-${each.key}" })
}

# A task with a network interface of its own never gets a public address, so the Node reaches Wallarm's Cloud only
# over NAT.
resource "aws_route" "private_internet" {
  for_each = local.has_nat_gateway ? local.zones : {}

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[var.nat_gateway_per_zone ? each.key : local.zone_names[0]].id
}

resource "aws_route_table_association" "private" {
  for_each = local.zones

  subnet_id      = aws_subnet.private[each.key].id
  route_table_id = aws_route_table.private[each.key].id
}

# This endpoint is free. Image layers in ECR and system packages use it instead of the NAT gateway, which is
# not free.
resource "aws_vpc_endpoint" "s3" {
  count = local.create_vpc && local.has_nat_gateway ? 1 : 0

  vpc_id            = local.vpc_id
  service_name      = "com.amazonaws.${local.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for zone in local.zone_names : aws_route_table.private[zone].id]

  tags = merge(local.tags, { Name = "${local.name}-s3" })
}
