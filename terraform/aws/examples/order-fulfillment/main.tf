# The order template on AWS: make package && terraform init && terraform apply

terraform {
  required_version = ">= 1.9"

  required_providers {
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.4"
    }
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

provider "aws" {
  region = var.region
}

variable "region" {
  description = "Where it all goes."
  type        = string
  default     = "eu-central-1"
}

module "orders" {
  source = "../.."

  name       = "order-fulfillment"
  source_dir = "${path.module}/build/function"
  workflows  = ["order-fulfillment"]

  environment         = { SHOP_DB = "/tmp/shop.db" } # of the stand-ins for the shop's services; goes when they do
  deletion_protection = false                        # an example is to go away again
}

output "function_name" {
  description = "Name of the function: flux --remote lambda://NAME:live list"
  value       = module.orders.function_name
}

output "api_url" {
  description = "Where orders are posted, signed for execute-api."
  value       = module.orders.api_url
}

output "queue_url" {
  description = "Where orders are sent."
  value       = module.orders.queue_url
}

output "store" {
  description = "flux --store URL list"
  value       = module.orders.store
}

output "log_group_name" {
  description = "flux trace --log-group NAME --follow"
  value       = module.orders.log_group_name
}
