locals {
  fourteen_days = "${14 * 24 * 3600}s"
}

resource "google_pubsub_topic" "orders" {
  #checkov:skip=CKV_GCP_83:Pub/Sub encrypts with a key of its own
  name   = "${var.name}-orders"
  labels = var.labels
}

# A push of our own rather than a trigger of Cloud Functions, whose subscription takes neither dead letters nor a limit.
resource "google_pubsub_subscription" "orders" {
  name                       = "${var.name}-orders"
  topic                      = google_pubsub_topic.orders.id
  ack_deadline_seconds       = max(10, var.timeout) # a message does not come back while the function may still be at it
  message_retention_duration = local.fourteen_days
  labels                     = var.labels

  push_config {
    push_endpoint = local.urls["order_event"]

    oidc_token {
      service_account_email = google_service_account.invoker.email
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_orders.id
    max_delivery_attempts = var.max_receive_count
  }

  expiration_policy {
    ttl = "" # never: it is there for orders that may not come for months
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invoker]
}

resource "google_pubsub_topic" "dead_orders" {
  #checkov:skip=CKV_GCP_83:Pub/Sub encrypts with a key of its own
  name   = "${var.name}-dead-orders"
  labels = var.labels
}

# Keeps them until the reason is gone. Published to the topic of orders again, the same order goes on with its run if the
# function's key says that it is the same.
resource "google_pubsub_subscription" "dead_orders" {
  name                       = "${var.name}-dead-orders"
  topic                      = google_pubsub_topic.dead_orders.id
  ack_deadline_seconds       = 60
  message_retention_duration = local.fourteen_days
  labels                     = var.labels

  expiration_policy {
    ttl = ""
  }
}

# Calls the control function when a run is due. It has no dead letters: a wake-up that is lost is made good by the next
# tick.
resource "google_cloud_tasks_queue" "wakes" {
  name     = "${var.name}-wakes"
  location = local.region

  retry_config {
    max_attempts       = 100
    max_retry_duration = "3600s"
    min_backoff        = "1s"
    max_backoff        = "60s"
  }

  stackdriver_logging_config {
    sampling_ratio = 0.1
  }
}
