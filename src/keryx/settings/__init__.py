"""How the site runs: one typed model, the same text on a machine and in the cluster.

``model`` holds what several components share; a component's own section stands in its folder.
``load`` reads keryx.yaml and reports every problem at once. ``site`` adds what the text cannot
know: the home, the secrets, the versions of the installed daemons.
"""
