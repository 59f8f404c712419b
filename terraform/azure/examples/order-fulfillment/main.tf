# The order template on Azure: make package && az login && terraform init && terraform apply

terraform {
  required_version = ">= 1.9"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 5.0"
    }
  }
}

provider "azurerm" {
  storage_use_azuread = true # the account has no key

  features {}
}

variable "region" {
  description = "Where it all goes."
  type        = string
  default     = "germanywestcentral"
}

variable "package" {
  description = "The order template, packed by make package."
  type        = string
  default     = "build/azure.zip"
}

resource "azurerm_resource_group" "this" {
  name     = "order-fulfillment"
  location = var.region
}

module "orders" {
  source = "../.."

  name           = "order-fulfillment"
  resource_group = azurerm_resource_group.this
  package        = var.package
  workflows      = ["order-fulfillment"]

  environment         = { SHOP_DB = "/tmp/shop.db" } # of the stand-ins for the shop's services; goes when they do
  deletion_protection = false                        # an example is to go away again
}

output "function_name" {
  description = "Name of the function app."
  value       = module.orders.function_name
}

output "http_url" {
  description = "Where orders are posted, with a token."
  value       = module.orders.http_url
}

output "queue" {
  description = "Where orders are sent: az storage message put --auth-mode login"
  value       = module.orders.queue
}

output "store_url" {
  description = "flux --store URL list"
  value       = module.orders.store_url
}

output "logs" {
  description = "az monitor log-analytics query --workspace ID"
  value       = module.orders.logs
}

output "storage_account_name" {
  description = "The account that holds the queue and the table."
  value       = module.orders.storage_account_name
}
