# The order template on Google Cloud: make package && terraform init && terraform apply

terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 8.0"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
}

variable "project" {
  description = "Id of the project to which it all goes."
  type        = string
}

variable "region" {
  description = "Where it all goes."
  type        = string
  default     = "europe-west3"
}

variable "package" {
  description = "The order template, packed by make package."
  type        = string
  default     = "build/gcp.zip"
}

# What a new project has not switched on.
resource "google_project_service" "this" {
  for_each = toset([
    "artifactregistry", "cloudbuild", "cloudfunctions", "cloudresourcemanager", "cloudscheduler", "cloudtasks",
    "eventarc", "firestore", "iam", "logging", "monitoring", "pubsub", "run",
  ])

  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false # others in the project may need it
}

module "orders" {
  source = "../.."

  name      = "order-fulfillment"
  package   = var.package
  workflows = ["order-fulfillment"]

  environment         = { SHOP_DB = "/tmp/shop.db" } # of the stand-ins for the shop's services; goes when they do
  deletion_protection = false                        # an example is to go away again

  depends_on = [google_project_service.this]
}

output "function_name" {
  description = "Name of the function that takes orders over HTTP."
  value       = module.orders.function_name
}

output "http_url" {
  description = "Where orders are posted, with a token."
  value       = module.orders.http_url
}

output "queue" {
  description = "Where orders are sent: gcloud pubsub topics publish TOPIC"
  value       = module.orders.queue
}

output "store_url" {
  description = "flux --store URL list"
  value       = module.orders.store_url
}

output "logs" {
  description = "gcloud logging read FILTER"
  value       = module.orders.logs
}
