# One account holds all that lasts: the table of runs, the queues, large values, and what the functions' host keeps.
resource "azurerm_storage_account" "this" {
  #checkov:skip=CKV_AZURE_33:What is put into queues is logged by azurerm_monitor_diagnostic_setting; reads come every second
  #checkov:skip=CKV_AZURE_59:The functions reach it over its public endpoint, by their identity alone; a private one needs a network
  #checkov:skip=CKV_AZURE_206:Three zones of a region keep copies; replication takes another region in
  #checkov:skip=CKV2_AZURE_1:Azure encrypts with keys of its own; a key of yours needs a vault
  #checkov:skip=CKV2_AZURE_33:The functions reach it over its public endpoint, by their identity alone; a private one needs a network
  name                            = local.account
  resource_group_name             = var.resource_group.name
  location                        = var.resource_group.location
  account_kind                    = "StorageV2"
  account_tier                    = "Standard"
  account_replication_type        = var.replication
  min_tls_version                 = "TLS1_2"
  https_traffic_only_enabled      = true
  shared_access_key_enabled       = false # nobody enters it by a key: there is none
  default_to_oauth_authentication = true
  local_user_enabled              = false

  allow_nested_items_to_be_public   = false
  cross_tenant_replication_enabled  = false
  infrastructure_encryption_enabled = true
  tags                              = var.tags

  blob_properties { # what is deleted can be had back for two weeks
    delete_retention_policy {
      days = 14
    }

    container_delete_retention_policy {
      days = 14
    }
  }
}

resource "azurerm_storage_table" "runs" {
  #checkov:skip=CKV2_AZURE_20:The functions alone read it, and their logs say what of
  name               = "fluxruns"
  storage_account_id = azurerm_storage_account.this.id
}

resource "azurerm_management_lock" "store" {
  count = var.deletion_protection ? 1 : 0

  name       = "runs-are-kept-here"
  scope      = azurerm_storage_account.this.id
  lock_level = "CanNotDelete"
  notes      = "The runs of ${var.name} are in this account."
}
