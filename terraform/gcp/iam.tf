# Who may do what. Each role is granted on the one thing that it is for; what can only be granted on the project has a
# condition that names the thing, but for writing logs and receiving events, where nothing can be named.

resource "google_service_account" "function" {
  account_id   = "${var.name}-function"
  display_name = "${var.name}: what the functions are"
}

resource "google_service_account" "invoker" {
  account_id   = "${var.name}-invoker"
  display_name = "${var.name}: who calls them, on behalf of Cloud Tasks, Cloud Scheduler, Pub/Sub and Eventarc"
}

resource "google_service_account" "builder" {
  account_id   = "${var.name}-builder"
  display_name = "${var.name}: who builds their images"
}

locals {
  database_name  = "projects/${local.project}/databases/${local.database}"
  sources_bucket = "projects/_/buckets/gcf-v2-sources-${local.number}-${local.region}" # where Cloud Functions puts packages
  pubsub_agent   = "serviceAccount:service-${local.number}@gcp-sa-pubsub.iam.gserviceaccount.com"

  called_by_invoker = ["order_event", "control"]
  callers           = var.public ? ["allUsers"] : var.invokers
}

# The functions

resource "google_project_iam_member" "function" {
  project = local.project
  role    = "roles/datastore.user"
  member  = google_service_account.function.member

  condition {
    title      = "${var.name}: its database alone"
    expression = "resource.name == \"${local.database_name}\""
  }
}

resource "google_cloud_tasks_queue_iam_member" "function" {
  name     = google_cloud_tasks_queue.wakes.name
  location = google_cloud_tasks_queue.wakes.location
  role     = "roles/cloudtasks.enqueuer"
  member   = google_service_account.function.member
}

# A task is called with the invoker's token, and who makes one must be allowed to say so.
resource "google_service_account_iam_member" "function" {
  service_account_id = google_service_account.invoker.id
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.function.member
}

resource "google_storage_bucket_iam_member" "function" {
  count = var.large_values ? 1 : 0

  bucket = google_storage_bucket.values[0].name
  role   = "roles/storage.objectUser"
  member = google_service_account.function.member
}

# Who calls them

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = toset(local.called_by_invoker)

  name     = google_cloudfunctions2_function.this[each.key].name # Cloud Run's service has the function's name
  location = local.region
  role     = "roles/run.invoker"
  member   = google_service_account.invoker.member
}

resource "google_cloud_run_v2_service_iam_member" "callers" {
  count = length(local.callers) # whose names may be known only after they are made

  name     = google_cloudfunctions2_function.this["order"].name
  location = local.region
  role     = "roles/run.invoker"
  member   = local.callers[count.index]
}

resource "google_cloud_run_v2_service_iam_member" "operators" {
  count = length(var.operators)

  name     = google_cloudfunctions2_function.this["control"].name
  location = local.region
  role     = "roles/run.invoker"
  member   = var.operators[count.index]
}

resource "google_project_iam_member" "eventarc" {
  count = var.event_filters == null ? 0 : 1

  project = local.project
  role    = "roles/eventarc.eventReceiver" # Eventarc knows this role on projects alone
  member  = google_service_account.invoker.member
}

# Pub/Sub puts aside what has been delivered too often, and takes it off the subscription.

resource "google_pubsub_topic_iam_member" "dead_orders" {
  topic  = google_pubsub_topic.dead_orders.name
  role   = "roles/pubsub.publisher"
  member = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "orders" {
  subscription = google_pubsub_subscription.orders.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

# Cloud Build

resource "google_project_iam_member" "builder" {
  for_each = {
    "roles/logging.logWriter"    = null
    "roles/storage.objectViewer" = "resource.name.startsWith(\"${local.sources_bucket}\")"
  }

  project = local.project
  role    = each.key
  member  = google_service_account.builder.member

  dynamic "condition" {
    for_each = each.value == null ? {} : { "${var.name}: sources of functions alone" = each.value }

    content {
      title      = condition.key
      expression = condition.value
    }
  }
}

resource "google_artifact_registry_repository_iam_member" "builder" {
  repository = google_artifact_registry_repository.images.name
  location   = google_artifact_registry_repository.images.location
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.builder.member
}
