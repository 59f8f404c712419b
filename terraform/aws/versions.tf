terraform {
  required_version = ">= 1.9" # a variable's validation may look at another variable

  required_providers {
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.4"
    }
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0" # which names a region's data `region`
    }
  }
}
