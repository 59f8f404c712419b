data "google_client_config" "current" {}

data "google_project" "current" {
  project_id = data.google_client_config.current.project
}

locals {
  project = data.google_project.current.project_id
  number  = data.google_project.current.number
  region  = data.google_client_config.current.region

  for_control = length(var.operators) == 0 ? "ALLOW_INTERNAL_ONLY" : "ALLOW_ALL"

  # What each function is for, by its entry point in main.py, and from where it is reached: what is internal only Cloud
  # Tasks, Cloud Scheduler, Pub/Sub and Eventarc reach, those of this project.
  functions = {
    order       = { suffix = "", ingress = "ALLOW_ALL", description = "Takes orders over HTTP." }
    order_event = { suffix = "-events", ingress = "ALLOW_INTERNAL_ONLY", description = "Takes orders from Pub/Sub and Eventarc." }
    control     = { suffix = "-control", ingress = local.for_control, description = "Goes on with runs that are due." }
  }
  names = { for entry_point, function in local.functions : entry_point => "${var.name}${function.suffix}" }

  # Cloud Run's URLs are known before there is a service, and each function needs that of `control`, itself among them:
  # https://cloud.google.com/run/docs/triggering/https-request#deterministic
  urls = { for entry_point, name in local.names : entry_point => "https://${name}-${local.number}.${local.region}.run.app" }
}
