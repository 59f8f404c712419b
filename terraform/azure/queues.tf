locals {
  # Orders, and what the functions send to themselves; each with the queue to which the host moves what was delivered
  # too often, made here because the host may not make queues.
  queues = toset(flatten([for queue in ["orders", "flux-wakes"] : [queue, "${queue}-poison"]]))
}

resource "azurerm_storage_queue" "this" {
  for_each = local.queues

  name               = each.key
  storage_account_id = azurerm_storage_account.this.id
}
