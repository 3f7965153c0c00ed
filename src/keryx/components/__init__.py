"""The daemons: one folder each, all alike. A component never imports another."""
