output "function_name" {
  description = "Name of the function that takes orders over HTTP."
  value       = google_cloudfunctions2_function.this["order"].name
}

output "function_names" {
  description = "Names of all functions, by their entry points: order, order_event and control."
  value       = { for entry_point, function in google_cloudfunctions2_function.this : entry_point => function.name }
}

output "store_url" {
  description = "URL of the store: `flux --store URL list`."
  value       = local.store_url
}

output "http_url" {
  description = "URL that takes orders over HTTP."
  value       = local.urls["order"]
}

output "control_url" {
  description = "URL of the control function, for operators."
  value       = local.urls["control"]
}

output "queue" {
  description = "Topic that takes orders: `gcloud pubsub topics publish TOPIC`."
  value       = google_pubsub_topic.orders.id
}

output "dead_orders" {
  description = "Subscription that holds the orders that failed too often: `gcloud pubsub subscriptions pull`."
  value       = google_pubsub_subscription.dead_orders.id
}

output "logs" {
  description = "Filter of the functions' logs: `gcloud logging read FILTER`."
  value       = local.logs
}

output "identity" {
  description = "Email of the functions' service account, for roles of its own."
  value       = google_service_account.function.email
}

output "bucket_name" {
  description = "Name of the bucket of large values; null if there is none."
  value       = one(google_storage_bucket.values[*].name)
}
