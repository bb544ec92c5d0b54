# Nothing in *.tf is newer than Terraform 1.0 but `moved`, and every argument exists in versions 5.100 and 6 of
# the provider. No other provider is used, so `terraform init` downloads only one.
terraform {
  required_version = ">= 1.1"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100.0, < 7.0.0"
    }
  }
}
