"""The container images: one Dockerfile, a stage per component; docs/explanation/images.md."""
