# Values of runs that are too large for the table.

resource "azurerm_storage_container" "values" {
  #checkov:skip=CKV2_AZURE_21:The functions alone read it, and their logs say what of
  count = var.large_values ? 1 : 0

  name                  = "flux-values"
  storage_account_id    = azurerm_storage_account.this.id
  container_access_type = "private"
}
