resource "azurerm_log_analytics_workspace" "this" {
  name                         = "${var.name}-logs"
  resource_group_name          = var.resource_group.name
  location                     = var.resource_group.location
  sku                          = "PerGB2018"
  retention_in_days            = var.log_retention_days
  local_authentication_enabled = false
  tags                         = var.tags
}

resource "azurerm_application_insights" "this" {
  name                         = "${var.name}-insights"
  resource_group_name          = var.resource_group.name
  location                     = var.resource_group.location
  workspace_id                 = azurerm_log_analytics_workspace.this.id
  application_type             = "web"
  local_authentication_enabled = false # the functions write by their identity: the connection string alone opens nothing
  sampling_percentage          = 100   # a run that failed is not left out
  tags                         = var.tags
}

# What is put into the queues: the one place where a message that went to a poison queue is seen.
resource "azurerm_monitor_diagnostic_setting" "queues" {
  name                       = "writes"
  target_resource_id         = "${azurerm_storage_account.this.id}/queueServices/default"
  log_analytics_workspace_id = azurerm_log_analytics_workspace.this.id

  enabled_log {
    category = "StorageWrite"
  }
}
