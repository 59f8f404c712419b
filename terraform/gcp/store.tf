locals {
  database = var.database == null ? google_firestore_database.runs[0].name : var.database
  parts    = "${var.collection}-parts" # of values too large for a document, below each run

  # The indexes that the store's queries use; adapters/flux_gcp/_firestore/indexes.py has the same list.
  indexes = {
    due    = { wake_at = "ASCENDING" }
    newest = { created_at = "DESCENDING" }
  }

  # Fields that no query reads. An index of one would cost a write each, and bound all writes to 500 a second if its
  # values grow with time.
  unindexed = {
    (var.collection) = [
      "blobs", "created_at", "document", "elsewhere", "facets", "revision", "status", "tags", "updated_at", "v",
      "wake_at", "workflow", "writer",
    ]
    (local.parts) = ["count", "value"]
  }
}

resource "google_firestore_database" "runs" {
  count = var.database == null ? 1 : 0

  name                              = var.name
  location_id                       = local.region
  type                              = "FIRESTORE_NATIVE"
  database_edition                  = "STANDARD"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"
  delete_protection_state           = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = "DELETE" # with ABANDON, the default, Terraform would only forget it
}

resource "google_firestore_index" "runs" {
  for_each = local.indexes

  database    = local.database
  collection  = var.collection
  query_scope = "COLLECTION"

  fields {
    field_path   = "facets"
    array_config = "CONTAINS"
  }

  dynamic "fields" {
    for_each = each.value

    content {
      field_path = fields.key
      order      = fields.value
    }
  }
}

resource "google_firestore_field" "unindexed" {
  for_each = merge([
    for collection, fields in local.unindexed : { for field in fields : "${collection}/${field}" => [collection, field] }
  ]...)

  database   = local.database
  collection = each.value[0]
  field      = each.value[1]

  index_config {} # empty: none
}

# Runs that have ended, and parts that nobody needs, go by themselves.
resource "google_firestore_field" "expires_at" {
  for_each = toset([var.collection, local.parts])

  database   = local.database
  collection = each.key
  field      = "expires_at"

  index_config {}

  ttl_config {}
}
