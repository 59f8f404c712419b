# Values of runs that are too large for a document of the database.

resource "google_storage_bucket" "values" {
  #checkov:skip=CKV_GCP_62:The function alone reads and writes it, and its logs say what of
  count = var.large_values ? 1 : 0

  name                        = "${var.name}-values-${local.number}"
  location                    = local.region
  force_destroy               = !var.deletion_protection
  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true
  labels                      = var.labels

  versioning {
    enabled = true
  }

  lifecycle_rule { # what is deleted can be had back for two weeks
    condition {
      days_since_noncurrent_time = 14
    }

    action {
      type = "Delete"
    }
  }
}
