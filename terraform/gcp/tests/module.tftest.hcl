# What the module promises, on mocked providers: no account is needed, and nothing is made.
#   terraform init && terraform test

mock_provider "google" {
  mock_data "google_client_config" {
    defaults = { project = "shop", region = "europe-west3" }
  }

  mock_data "google_project" {
    defaults = { project_id = "shop", number = "123456789012" }
  }
}

variables {
  name    = "orders"
  package = "versions.tf" # any file
}

run "by_default" {
  assert {
    condition     = alltrue([for function in google_cloudfunctions2_function.this : function.build_config[0].runtime == "python313"])
    error_message = "A function does not run Python 3.13."
  }

  assert {
    condition     = { for entry_point, function in google_cloudfunctions2_function.this : function.name => function.build_config[0].entry_point } == { orders = "order", orders-events = "order_event", orders-control = "control" }
    error_message = "There are other functions than order, order_event and control."
  }

  assert {
    condition = { for entry_point, function in google_cloudfunctions2_function.this : entry_point => function.service_config[0].ingress_settings } == {
      order = "ALLOW_ALL", order_event = "ALLOW_INTERNAL_ONLY", control = "ALLOW_INTERNAL_ONLY"
    }
    error_message = "A function other than order can be reached from outside."
  }

  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.callers) == 0 && length(google_cloud_run_v2_service_iam_member.operators) == 0
    error_message = "Somebody may send orders over HTTP, or commands, whom nobody has named."
  }

  assert {
    condition = { for entry_point, one in google_cloud_run_v2_service_iam_member.invoker : entry_point => [one.name, one.role, one.member] } == {
      order_event = ["orders-events", "roles/run.invoker", google_service_account.invoker.member]
      control     = ["orders-control", "roles/run.invoker", google_service_account.invoker.member]
    }
    error_message = "The invoker does not call order_event and control alone."
  }

  assert {
    condition     = one(google_project_iam_member.function.condition).expression == "resource.name == \"projects/shop/databases/orders\""
    error_message = "The functions may use another database."
  }

  assert {
    condition     = google_project_iam_member.builder["roles/storage.objectViewer"].condition[0].expression == "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-123456789012-europe-west3\")"
    error_message = "Cloud Build may read another bucket."
  }

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.this :
      function.service_config[0].service_account_email == google_service_account.function.email
    ])
    error_message = "A function is somebody else."
  }

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.this : function.service_config[0].environment_variables == tomap({
        FLUX_STORE            = "firestore://shop/flux-runs?database=orders&ttl=30d"
        FLUX_TASKS_QUEUE      = google_cloud_tasks_queue.wakes.id
        FLUX_CONTROL_URL      = "https://orders-control-123456789012.europe-west3.run.app"
        FLUX_SERVICE_ACCOUNT  = google_service_account.invoker.email
        FLUX_FUNCTION_TIMEOUT = "30"
      })
    ])
    error_message = "A function does not find its store, its queue or its control."
  }

  assert {
    condition = (
      google_firestore_database.runs[0].delete_protection_state == "DELETE_PROTECTION_ENABLED"
      && google_firestore_database.runs[0].point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED"
      && google_firestore_database.runs[0].type == "FIRESTORE_NATIVE"
    )
    error_message = "The database is not in native mode, or neither protected nor recoverable."
  }

  assert {
    condition     = alltrue([for index in google_firestore_index.runs : index.query_scope == "COLLECTION" && index.collection == "flux-runs"])
    error_message = "An index is of another collection."
  }

  assert {
    condition     = toset([for field in google_firestore_field.expires_at : field.collection]) == toset(["flux-runs", "flux-runs-parts"]) && alltrue([for field in google_firestore_field.expires_at : length(field.ttl_config) == 1])
    error_message = "Ended runs, or parts that nobody needs, do not expire."
  }

  assert {
    condition = (
      google_pubsub_subscription.orders.dead_letter_policy[0].max_delivery_attempts == 5
      && google_pubsub_subscription.orders.dead_letter_policy[0].dead_letter_topic == google_pubsub_topic.dead_orders.id
      && google_pubsub_subscription.dead_orders.topic == google_pubsub_topic.dead_orders.id
    )
    error_message = "An order that fails five times is not put aside and kept."
  }

  assert {
    condition     = google_pubsub_subscription.orders.ack_deadline_seconds == 30
    error_message = "A message comes back while the function may still be at it."
  }

  assert {
    condition = (
      google_pubsub_subscription.orders.push_config[0].push_endpoint == "https://orders-events-123456789012.europe-west3.run.app"
      && google_pubsub_subscription.orders.push_config[0].oidc_token[0].service_account_email == google_service_account.invoker.email
    )
    error_message = "Orders are pushed elsewhere, or without a token."
  }

  assert {
    condition     = jsondecode(base64decode(google_cloud_scheduler_job.tick.http_target[0].body)) == { flux = { action = "tick" } } && google_cloud_scheduler_job.tick.schedule == "*/1 * * * *"
    error_message = "The schedule sends something else than a tick, or not every minute."
  }

  assert {
    condition = (
      google_cloud_scheduler_job.tick.http_target[0].uri == "https://orders-control-123456789012.europe-west3.run.app"
      && google_cloud_scheduler_job.tick.http_target[0].oidc_token[0].service_account_email == google_service_account.invoker.email
    )
    error_message = "The tick goes elsewhere, or without a token."
  }

  assert {
    condition     = toset(keys(google_monitoring_alert_policy.this)) == toset(["runs-fail-order-fulfillment", "dead-orders", "runs-late", "function-fails", "function-throttled"])
    error_message = "An alarm is missing: of failed or late runs, dead orders, errors, or requests turned away."
  }

  assert {
    condition     = [for condition in google_monitoring_alert_policy.this["runs-late"].conditions : condition.condition_absent[0].duration if length(condition.condition_absent) > 0] == ["300s"]
    error_message = "Nobody is told when the tick does not come."
  }

  assert {
    condition     = strcontains(google_logging_metric.runs_failed.filter, "resource.labels.service_name=(\"orders\" OR \"orders-control\" OR \"orders-events\")")
    error_message = "Runs that fail in one of the functions are not counted."
  }

  assert {
    condition     = google_storage_bucket_object.package.name == "${filesha256("versions.tf")}.zip"
    error_message = "A package of another content has the same name, and is not deployed."
  }

  assert {
    condition     = google_storage_bucket.packages.public_access_prevention == "enforced" && google_storage_bucket.packages.uniform_bucket_level_access
    error_message = "The bucket of packages can be made public."
  }

  assert {
    condition     = length(google_storage_bucket.values) == 0 && output.bucket_name == null && length(google_eventarc_trigger.orders) == 0
    error_message = "There is a bucket or a trigger that nobody asked for."
  }
}

run "with_everything" {
  variables {
    large_values        = true
    keep_runs_days      = 60
    deletion_protection = false
    collection          = "runs"
    workflows           = ["order-fulfillment", "returns"]
    notify              = ["projects/shop/notificationChannels/1"]
    invokers            = ["serviceAccount:web@shop.iam.gserviceaccount.com"]
    operators           = ["group:on-call@shop.example"]
    event_filters       = { type = "google.cloud.storage.object.v1.finalized", bucket = "incoming" }
    environment         = { SHOP = "berlin" }
    tick_minutes        = 5
    timeout             = 300
  }

  assert {
    condition     = output.store_url == "firestore://shop/runs?database=orders&ttl=60d&bucket=orders-values-123456789012"
    error_message = "The store does not name its collection, its bucket and its time to live."
  }

  assert {
    condition     = google_storage_bucket.values[0].public_access_prevention == "enforced" && google_storage_bucket.values[0].uniform_bucket_level_access && google_storage_bucket.values[0].versioning[0].enabled
    error_message = "The bucket can be made public, or forgets what is deleted."
  }

  assert {
    condition     = google_storage_bucket_iam_member.function[0].role == "roles/storage.objectUser" && google_storage_bucket_iam_member.function[0].bucket == google_storage_bucket.values[0].name
    error_message = "The functions may not use their bucket."
  }

  assert {
    condition     = [for one in google_cloud_run_v2_service_iam_member.callers : [one.name, one.member]] == [["orders", "serviceAccount:web@shop.iam.gserviceaccount.com"]]
    error_message = "Another than who is named may send orders over HTTP."
  }

  assert {
    condition = (
      [for one in google_cloud_run_v2_service_iam_member.operators : [one.name, one.member]] == [["orders-control", "group:on-call@shop.example"]]
      && google_cloudfunctions2_function.this["control"].service_config[0].ingress_settings == "ALLOW_ALL"
      && google_cloudfunctions2_function.this["order_event"].service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY"
    )
    error_message = "Operators cannot reach the control function, or another may, or something else can be reached."
  }

  assert {
    condition     = { for filter in google_eventarc_trigger.orders[0].matching_criteria : filter.attribute => filter.value } == { type = "google.cloud.storage.object.v1.finalized", bucket = "incoming" }
    error_message = "The trigger takes other events."
  }

  assert {
    condition     = google_cloud_scheduler_job.tick.schedule == "*/5 * * * *" && google_pubsub_subscription.orders.ack_deadline_seconds == 300
    error_message = "The tick comes as often as before, or a message comes back too early."
  }

  assert {
    condition     = contains(keys(google_monitoring_alert_policy.this), "runs-fail-returns") && alltrue([for alarm in google_monitoring_alert_policy.this : toset(alarm.notification_channels) == toset(var.notify)])
    error_message = "A workflow has no alarm, or an alarm tells nobody."
  }

  assert {
    condition     = alltrue([for function in google_cloudfunctions2_function.this : function.service_config[0].environment_variables.SHOP == "berlin"])
    error_message = "A function does not get its own environment."
  }
}

run "for_everybody_and_in_a_database_that_is_there" {
  variables {
    public   = true
    database = "shop"
  }

  assert {
    condition     = [for one in google_cloud_run_v2_service_iam_member.callers : [one.name, one.member]] == [["orders", "allUsers"]]
    error_message = "Everybody may call something else than the function that takes orders, or nobody may call that."
  }

  assert {
    condition     = length(google_firestore_database.runs) == 0 && one(google_project_iam_member.function.condition).expression == "resource.name == \"projects/shop/databases/shop\""
    error_message = "A second database is made, or another one used."
  }

  assert {
    condition     = alltrue([for index in google_firestore_index.runs : index.database == "shop"])
    error_message = "An index is of another database."
  }
}
