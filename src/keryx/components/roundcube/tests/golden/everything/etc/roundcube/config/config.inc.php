<?php
// Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
// Every option: /etc/roundcube/defaults.inc.php

$config = [];

// --- database
$config['db_dsnw'] = 'pgsql://kx_roundcube:pass%3Aword%5C%27%2F%40@tcp(db.example.com:5432)/kx_roundcube?sslmode=verify-full&sslrootcert=%2Fetc%2Ftls%2Fdb-ca.pem';
$config['db_persistent'] = false;

// --- the mail servers of this suite: the user's own login, always inside TLS
// Exactly the administrator's certificate is expected, whoever signed it.
$tls = ['ssl' => [
    'verify_peer' => false,
    'verify_peer_name' => false,
    'peer_name' => 'mx.example.org',
    'peer_fingerprint' => ['sha256' => openssl_x509_fingerprint(file_get_contents('/srv/keryx/etc/roundcube/certificate.pem'), 'sha256')],
]];
// A name for the database, where people are known by it; where the server really is stands below.
$config['imap_host'] = 'tls://mailbox:11143';
$config['keryx_imap_address'] = '127.0.0.1';
$config['imap_auth_type'] = 'PLAIN';
$config['imap_conn_options'] = $tls;
$config['imap_delimiter'] = '/';
$config['imap_vendor'] = 'dovecot';
$config['smtp_host'] = 'ssl://[2001:db8::1]:465';
$config['smtp_user'] = '%u';
$config['smtp_pass'] = '%p';
$config['smtp_auth_type'] = 'PLAIN';
$config['smtp_conn_options'] = $tls;
$config['smtp_helo_host'] = 'mx.example.org';
$config['max_message_size'] = '25M';

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
$config['session_lifetime'] = 480;
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
$config['product_name'] = 'Bob\'s Mail';
$config['skin_logo'] = '/static/logo.svg';
$config['skin'] = 'elastic';
$config['skins_allowed'] = ['elastic'];
$config['language'] = 'de_DE';
$config['timezone'] = 'Europe/Berlin';
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
    'hosts' => ['tls://ldap1.example.com', 'tls://ldap2.example.com'],
    'timeout' => 5,
    'bind_dn' => 'cn=mail,o=example',
    'bind_password' => 'pass:word\\\'/@',
    'base' => 'ou=users,o=example',
    'filter' => '(&(objectClass=mailAccount)(mailActive=TRUE)(!(objectClass=robot)))',
    'mail' => 'mail',
    'alias' => 'mailAlias',
    'super_user' => 'mailSuperUser',
    // Whom people find in the address book: their own domain, the whole site, or nobody.
    'address_book' => 'site',
];
$config['ldap_public']['directory'] = [
    'name' => 'example.org',
    'hosts' => ['tls://ldap1.example.com', 'tls://ldap2.example.com'],
    'ldap_version' => 3,
    'network_timeout' => 5,
    'timeout' => 5,
    'referrals' => false,
    'bind_dn' => 'cn=mail,o=example',
    'bind_pass' => 'pass:word\\\'/@',
    'base_dn' => 'ou=users,o=example',
    'scope' => 'sub',
    'filter' => '(&(&(objectClass=mailAccount)(mailActive=TRUE)(!(objectClass=robot)))(!(mailSendOnly=TRUE)))',
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
$config['plugins'] = ['keryx_signin', 'keryx_directory', 'archive', 'emoticons'];

// Moving to Junk and back is what teaches the filter; Dovecot sees to it.
$config['markasjunk_move_spam'] = true;
$config['markasjunk_move_ham'] = true;
$config['zipdownload_selection'] = '100MB';
$config['acl_users_source'] = 'directory';
$config['acl_users_field'] = 'mail';
$config['acl_specials'] = [];

// --- roundcube.extra of keryx.yaml
$config['mail_pagesize'] = 100;
