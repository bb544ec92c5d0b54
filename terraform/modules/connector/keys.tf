# The company's own KMS keys. Without one, AWS encrypts with keys of its own. A changed key is an update in place.

locals {
  keys = { for use in ["logs", "queue", "environment", "token", "bucket"] : use => lookup(var.kms_key_arns, use, null) }

  # A role may use a key only through the service that encrypts with it. The end of these names is not the same in each
  # partition, and not always that of the partition's other names.
  via_service = {
    for service in ["s3", "sqs", "ssm"] :
    service => distinct([for suffix in ["amazonaws.com", data.aws_partition.current.dns_suffix] : "${service}.${local.region}.${suffix}"])
  }
}
