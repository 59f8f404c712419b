data "azurerm_client_config" "current" {}

locals {
  tenant       = data.azurerm_client_config.current.tenant_id
  subscription = data.azurerm_client_config.current.subscription_id

  # The names of function apps and storage accounts are the whole world's: the ending makes them this group's own.
  ending  = substr(sha256("${local.subscription}/${var.resource_group.name}/${var.name}"), 0, 6)
  app     = "${var.name}-${local.ending}"
  account = var.storage_account_name == null ? "${replace(var.name, "-", "")}${local.ending}" : var.storage_account_name
}
