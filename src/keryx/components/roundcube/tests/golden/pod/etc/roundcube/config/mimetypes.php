<?php
// Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
// File name endings, as the package knows them.
return include '/etc/roundcube/mimetypes.php';
