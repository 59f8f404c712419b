# The order template on AWS: make package && terraform init && terraform apply

terraform {
  required_version = ">= 1.9"

  required_providers {
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

variable "package" {
  description = "The order template, packed by make package."
  type        = string
  default     = "build/aws.zip"
}

module "orders" {
  source = "../.."

  name      = "order-fulfillment"
  package   = var.package
  workflows = ["order-fulfillment"]

  environment         = { SHOP_DB = "/tmp/shop.db" } # of the stand-ins for the shop's services; goes when they do
  deletion_protection = false                        # an example is to go away again
}

output "function_name" {
  description = "Name of the function: flux --remote lambda://NAME:live list"
  value       = module.orders.function_name
}

output "http_url" {
  description = "Where orders are posted, signed for execute-api."
  value       = module.orders.http_url
}

output "queue" {
  description = "Where orders are sent: aws sqs send-message --queue-url URL"
  value       = module.orders.queue
}

output "store_url" {
  description = "flux --store URL list"
  value       = module.orders.store_url
}

output "logs" {
  description = "flux trace --log-group NAME --follow"
  value       = module.orders.logs
}
