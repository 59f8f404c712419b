"""What `flux build` does: the deployable package of a project for one cloud, the same byte for byte each time."""
