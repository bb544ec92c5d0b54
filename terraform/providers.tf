variable "region" {
  description = "AWS region. It must be the region of the API, since API Gateway logs only to its own region."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$", var.region))
    error_message = "The value of region must be the code of an AWS region, such as us-east-1."
  }
}

provider "aws" {
  region = var.region
}
