<?php
// Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
// Every option: /etc/roundcube/defaults.inc.php

$config = [];

// --- database
$config['db_dsnw'] = 'pgsql://roundcube:SECRET-postgresql-roundcube@tcp(mail-postgresql:5432)/roundcube?sslmode=verify-full&sslrootcert=%2Fsrv%2Fkeryx%2Ftls%2Fca.pem';
$config['db_persistent'] = false;

// --- the mail servers of this suite: the user's own login, always inside TLS
// The certificate is signed by Keryx's own authority.
$tls = ['ssl' => [
    'verify_peer' => true,
    'verify_peer_name' => true,
    'peer_name' => 'mail.example.org',
    'cafile' => '/srv/keryx/etc/roundcube/authorities.pem',
]];
// A name for the database, where people are known by it; where the server really is stands below.
$config['imap_host'] = 'tls://mailbox:11143';
$config['keryx_imap_address'] = 'mail-dovecot';
$config['imap_auth_type'] = 'PLAIN';
$config['imap_conn_options'] = $tls;
$config['imap_delimiter'] = '/';
$config['imap_vendor'] = 'dovecot';
$config['smtp_host'] = 'tls://mail-postfix:11587';
$config['smtp_user'] = '%u';
$config['smtp_pass'] = '%p';
$config['smtp_auth_type'] = 'PLAIN';
$config['smtp_conn_options'] = $tls;
$config['smtp_helo_host'] = 'mail.example.org';
$config['max_message_size'] = '50M';

// Every account has these folders; Dovecot makes them.
$config['drafts_mbox'] = 'Drafts';
$config['sent_mbox'] = 'Sent';
$config['junk_mbox'] = 'Junk';
$config['trash_mbox'] = 'Trash';
$config['archive_mbox'] = 'Archive';
$config['create_default_folders'] = false;

// --- sessions
// What encrypts the password that a session keeps in the database.
$config['des_key'] = 'SECRET-roundcube-key';
// No GCM: of what it encrypted, Roundcube before 1.6.6 cannot decrypt one in sixteen (roundcubemail #9264).
$config['cipher_method'] = 'AES-192-CBC';
$config['session_lifetime'] = 720;
$config['session_storage'] = 'db';
$config['session_path'] = '/roundcube/';
$config['session_samesite'] = 'Lax';
$config['use_https'] = true;
$config['login_autocomplete'] = 2;
$config['login_lc'] = 2;
// Whoever guesses is slowed down by Dovecot, by his address; a lock by name would let any stranger
// keep a user out of the webmail.
$config['login_rate_limit'] = 0;
// The gateway names the client (REMOTE_ADDR); a header of the client's own counts for nothing.
$config['proxy_whitelist'] = [];

// --- what people see
$config['product_name'] = 'Webmail';
$config['skin'] = 'elastic';
$config['skins_allowed'] = ['elastic'];
$config['language'] = null;
$config['timezone'] = 'auto';
$config['display_product_info'] = 0;
// The page that lists versions, and its button.
$config['disabled_actions'] = ['settings.about', 'about'];
$config['support_url'] = '';
$config['enable_installer'] = false;
// The spelling checker would send what is written to a server elsewhere; browsers check by themselves.
$config['enable_spellcheck'] = false;
$config['mime_types'] = '/etc/mime.types';
$config['draft_autosave'] = 60;
$config['refresh_interval'] = 60;

// --- log: standard output, which is the log of this component
$config['log_driver'] = 'stdout';
$config['log_logins'] = true;
// What the libraries will have to change for a later PHP is no news to an administrator.
error_reporting(error_reporting() & ~E_DEPRECATED & ~E_USER_DEPRECATED);
$config['temp_dir'] = '/srv/keryx/data/roundcube/temp';
$config['log_dir'] = '/srv/keryx/data/roundcube/temp';

// --- addresses
// 1: whose addresses they are, the directory says; name, signature and the rest are the user's.
$config['identities_level'] = 1;
$config['keryx_directory'] = [
    'hosts' => ['ldaps://mail-openldap:10636'],
    'timeout' => 5,
    'bind_dn' => 'cn=reader,dc=example,dc=org',
    'bind_password' => 'SECRET-ldap-reader',
    'base' => 'ou=users,dc=example,dc=org',
    'filter' => '(&(objectClass=mailAccount)(mailActive=TRUE))',
    'mail' => 'mail',
    'alias' => 'mailAlias',
    'super_user' => 'mailSuperUser',
    // Whom people find in the address book: their own domain, the whole site, or nobody.
    'address_book' => 'domain',
];
$config['ldap_public']['directory'] = [
    'name' => 'example.org',
    'hosts' => ['ldaps://mail-openldap:10636'],
    'ldap_version' => 3,
    'network_timeout' => 5,
    'timeout' => 5,
    'referrals' => false,
    'bind_dn' => 'cn=reader,dc=example,dc=org',
    'bind_pass' => 'SECRET-ldap-reader',
    'base_dn' => 'ou=users,dc=example,dc=org',
    'scope' => 'sub',
    'filter' => '(&(&(objectClass=mailAccount)(mailActive=TRUE))(!(mailSendOnly=TRUE)))',
    'search_fields' => ['cn', 'mail', 'mailAlias'],
    'fieldmap' => [
        'name' => 'cn',
        'surname' => 'sn',
        'firstname' => 'givenName',
        'jobtitle' => 'title',
        'department' => 'ou',
        'organization' => 'o',
        'phone:work' => 'telephoneNumber',
        'phone:mobile' => 'mobile',
        'email' => 'mail:1',
    ],
    'sort' => 'cn',
    'fuzzy_search' => true,
    'vlv' => false,
    'sizelimit' => 500,
    'writable' => false,
];
$config['autocomplete_addressbooks'] = ['sql', 'directory'];

// --- plugins
$config['plugins'] = ['keryx_signin', 'keryx_directory', 'acl', 'archive', 'managesieve', 'markasjunk', 'password', 'zipdownload'];

// Moving to Junk and back is what teaches the filter; Dovecot sees to it.
$config['markasjunk_move_spam'] = true;
$config['markasjunk_move_ham'] = true;
$config['zipdownload_selection'] = '200MB';
$config['acl_users_source'] = 'directory';
$config['acl_users_field'] = 'mail';
$config['acl_specials'] = [];
$config['managesieve_host'] = 'tls://mail-dovecot:15190';
$config['managesieve_auth_type'] = 'PLAIN';
$config['managesieve_conn_options'] = $tls;
$config['managesieve_default'] = null;
$config['managesieve_script_name'] = 'roundcube';
$config['managesieve_vacation'] = 1;
$config['managesieve_forward'] = 1;
$config['managesieve_vacation_interval'] = 1;
$config['managesieve_vacation_addresses_init'] = true;
// A new password is set by Keryx, by the rules that hold everywhere: it judges the old one and the
// new one, and ends other sessions.
$config['password_driver'] = 'keryx';
$config['password_confirm_current'] = true;
$config['password_minimum_length'] = 0;
$config['password_log'] = true;
$config['keryx_service'] = [
    'address' => 'ssl://mail-nginx:11443',
    'name' => 'mail.example.org',
    'ssl' => ['peer_name' => 'mail.example.org'] + $tls['ssl'],
];
