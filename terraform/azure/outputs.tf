output "function_name" {
  description = "Name of the function app: `az functionapp show --name NAME`, `func azure functionapp publish NAME`."
  value       = azurerm_function_app_flex_consumption.this.name
}

output "store_url" {
  description = "URL of the store: `flux --store URL list`."
  value       = local.store_url
}

output "http_url" {
  description = "URL that takes orders over HTTP; null if nobody may send any."
  value       = local.over_http ? "https://${azurerm_function_app_flex_consumption.this.default_hostname}/api/orders" : null
}

output "queue" {
  description = "URL of the queue that takes orders: `az storage message put --auth-mode login`."
  value       = "${azurerm_storage_account.this.primary_queue_endpoint}${azurerm_storage_queue.this["orders"].name}"
}

output "dead_orders" {
  description = "URL of the poison queue: orders that failed too often."
  value       = "${azurerm_storage_account.this.primary_queue_endpoint}${azurerm_storage_queue.this["orders-poison"].name}"
}

output "logs" {
  description = "Id of the Log Analytics workspace: `az monitor log-analytics query --workspace ID`."
  value       = azurerm_log_analytics_workspace.this.workspace_id
}

output "identity" {
  description = "Principal id of the functions' identity, for roles of its own."
  value       = azurerm_user_assigned_identity.function.principal_id
}

output "storage_account_name" {
  description = "Name of the storage account."
  value       = azurerm_storage_account.this.name
}
