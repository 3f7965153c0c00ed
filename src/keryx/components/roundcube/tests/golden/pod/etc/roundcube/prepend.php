<?php
// Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
// Read before every page.

// Plugins come from a folder of ours: Keryx's own, and the package's without /etc/roundcube/plugins.
define('RCUBE_PLUGINS_DIR', '/srv/keryx/etc/roundcube/plugins' . '/');

// The gateway says who the client is (REMOTE_ADDR); what clients say about themselves is not logged.
unset($_SERVER['HTTP_X_FORWARDED_FOR'], $_SERVER['HTTP_X_REAL_IP'], $_SERVER['HTTP_CLIENT_IP']);

// Without its database Roundcube shows a page that says so, with the status of a page where all is well.
register_shutdown_function(function () {
    $db = class_exists('rcmail', false) ? rcmail::get_instance()->db : null;
    if ($db && $db->is_error() && !$db->is_connected() && !headers_sent()) {
        http_response_code(503);
    }
});
