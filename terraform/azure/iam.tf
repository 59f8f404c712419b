# Who may do what: the functions have an identity of their own, and each role is granted on the one thing that it is for.

resource "azurerm_user_assigned_identity" "function" {
  name                = "${var.name}-function"
  resource_group_name = var.resource_group.name
  location            = var.resource_group.location
  tags                = var.tags
}

locals {
  # Who calls the functions over HTTP: nobody, everybody, or the applications that Entra ID knows as invokers.
  over_http = var.public || var.app_registration != null

  roles = merge(
    {
      host = { # its locks and keys, the package, and large values: it makes containers, and so has all of the account's blobs
        role  = "Storage Blob Data Owner"
        scope = azurerm_storage_account.this.id
      }
      runs = {
        role  = "Storage Table Data Contributor"
        scope = "${azurerm_storage_account.this.id}/tableServices/default/tables/${azurerm_storage_table.runs.name}"
      }
      telemetry = {
        role  = "Monitoring Metrics Publisher"
        scope = azurerm_application_insights.this.id
      }
    },
    {
      for name, queue in azurerm_storage_queue.this : name => { # a message that failed is put back, which a Message Processor may not
        role  = "Storage Queue Data Contributor"
        scope = "${azurerm_storage_account.this.id}/queueServices/default/queues/${queue.name}"
      }
    },
  )
}

resource "azurerm_role_assignment" "function" {
  for_each = local.roles

  principal_id         = azurerm_user_assigned_identity.function.principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = each.value.role
  scope                = each.value.scope
}
