<?php
// Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
// Every option has the default of the installed version; config.inc.php overrides them.
include '/etc/roundcube/defaults.inc.php';
