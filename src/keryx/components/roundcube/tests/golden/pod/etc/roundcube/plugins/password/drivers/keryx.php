<?php
// Managed by Keryx: change keryx.yaml instead, then run `keryx up`.

/**
 * Driver of the password plugin: Keryx sets the password, by its API.
 *
 * Its rules hold here as everywhere (the old password is asked for, the new one must be hard to
 * guess), and it does what belongs to it: Dovecot forgets the old one, other sessions end.
 */
class rcube_keryx_password
{
    /** Keryx compares: a session that was opened by a token knows no password. */
    public function compare($current, $new, $type)
    {
        return null;
    }

    public function save($current, $new, $user)
    {
        $login = ['address' => $user, 'password' => $current];
        [$status, $session, $cookie] = $this->ask('POST', '/session', $login);
        if ($status === 401) {
            $message = rcmail::get_instance()->gettext('passwordincorrect', 'password');
            return ['code' => PASSWORD_ERROR, 'message' => $message];
        }
        if ($status !== 200 && $status !== 201) {
            return $this->refusal($status, $session);
        }
        $token = $session['csrf'] ?? '';
        $path = '/accounts/' . rawurlencode($user) . '/password';
        [$status, $said] = $this->ask('PUT', $path, ['old' => $current, 'password' => $new], $cookie, $token);
        if ($status >= 200 && $status < 300) {
            return PASSWORD_SUCCESS;
        }
        $this->ask('DELETE', '/session', null, $cookie, $token);
        return $this->refusal($status, $said);
    }

    private function refusal($status, $said)
    {
        if ($status === 0 || $status >= 500) {
            return PASSWORD_CONNECT_ERROR;
        }
        $message = trim(($said['error'] ?? '') . ' ' . ($said['remedy'] ?? ''));
        return ['code' => PASSWORD_ERROR, 'message' => $message];
    }

    /** Send one request; returns status (0: no answer), decoded body and the session's cookie. */
    private function ask($method, $path, $body, $cookie = '', $token = '')
    {
        $service = rcmail::get_instance()->config->get('keryx_service');
        $context = stream_context_create(['ssl' => $service['ssl']]);
        $stream = @stream_socket_client($service['address'], $code, $error, 10, STREAM_CLIENT_CONNECT, $context);
        if (!$stream) {
            rcube::write_log('errors', "keryx: {$service['address']} does not answer: $error");
            return [0, [], ''];
        }
        stream_set_timeout($stream, 20);
        $content = $body === null ? '' : json_encode($body);
        $lines = ["$method /api/v1$path HTTP/1.0", "Host: {$service['name']}", 'Content-Type: application/json',
            'Accept: application/json', 'Content-Length: ' . strlen($content)];
        if ($cookie !== '') {
            $lines[] = "Cookie: $cookie";
            $lines[] = "X-CSRF-Token: $token";
        }
        fwrite($stream, implode("\r\n", $lines) . "\r\n\r\n$content");
        $answer = stream_get_contents($stream, 1 << 20);
        fclose($stream);
        [$head, $said] = explode("\r\n\r\n", $answer, 2) + ['', ''];
        $status = preg_match('#^HTTP/1\.\d (\d{3})#', $head, $found) ? (int) $found[1] : 0;
        $cookie = preg_match('/^Set-Cookie: ([^;\r\n]+)/mi', $head, $found) ? $found[1] : '';
        return [$status, json_decode($said, true) ?: [], $cookie];
    }
}
