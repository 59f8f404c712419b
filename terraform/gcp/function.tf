locals {
  bucket_option = var.large_values ? "&bucket=${google_storage_bucket.values[0].name}" : ""
  store_url     = "firestore://${local.project}/${var.collection}?database=${local.database}&ttl=${var.keep_runs_days}d${local.bucket_option}"
}

resource "google_cloudfunctions2_function" "this" {
  #checkov:skip=CKV_GCP_124:Orders come over HTTP from outside, from callers with a token; the other functions are internal
  for_each = local.functions

  name        = local.names[each.key]
  description = each.value.description
  location    = local.region
  labels      = var.labels

  build_config {
    runtime           = var.runtime
    entry_point       = each.key
    service_account   = google_service_account.builder.id
    docker_repository = google_artifact_registry_repository.images.id

    source {
      storage_source {
        bucket = google_storage_bucket.packages.name
        object = google_storage_bucket_object.package.name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.function.email
    available_memory                 = "${var.memory_size}Mi"
    timeout_seconds                  = var.timeout
    max_instance_count               = var.max_instances
    max_instance_request_concurrency = 1 # a run has all of an instance's time
    ingress_settings                 = each.value.ingress
    all_traffic_on_latest_revision   = true

    environment_variables = merge(var.environment, {
      FLUX_STORE            = local.store_url
      FLUX_TASKS_QUEUE      = google_cloud_tasks_queue.wakes.id
      FLUX_CONTROL_URL      = local.urls["control"]
      FLUX_SERVICE_ACCOUNT  = google_service_account.invoker.email
      FLUX_FUNCTION_TIMEOUT = var.timeout
    })
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.builder,
    google_project_iam_member.builder,
    google_project_iam_member.function,
  ]
}

resource "google_storage_bucket" "packages" {
  #checkov:skip=CKV_GCP_62:Terraform alone writes it, and Cloud Build alone reads it
  #checkov:skip=CKV_GCP_78:An object's name is the hash of its content: there are no older versions
  name                        = "${var.name}-packages-${local.number}"
  location                    = local.region
  force_destroy               = true # packages are made again from their sources
  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true
  labels                      = var.labels
}

resource "google_storage_bucket_object" "package" {
  name   = "${filesha256(var.package)}.zip" # another content is another object, which is another version of the functions
  bucket = google_storage_bucket.packages.name
  source = var.package
}

resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84:Artifact Registry encrypts with a key of its own; the images hold code and no data
  repository_id = "${var.name}-images"
  description   = "Images that Cloud Build makes of ${var.name}."
  location      = local.region
  format        = "DOCKER"
  labels        = var.labels
}
