{{/* Annotations by which Velero makes a dump before it copies the volume: native commands, no shell. */}}
{{- define "keryx.backupAnnotations" -}}
{{- $spec := get (include "keryx.table" .root | fromYaml) .pod }}
{{- if and .root.Values.backup.velero.enabled $spec.volume }}
{{- if .root.Values.backup.velero.fileSystem }}
backup.velero.io/backup-volumes: data
{{- end }}
{{- if eq .pod "openldap" }}
pre.hook.backup.velero.io/container: openldap
pre.hook.backup.velero.io/command: '["slapcat","-n","1","-F","/var/lib/keryx/etc/openldap/slapd.d","-l","/var/lib/keryx/data/openldap/backup.ldif"]'
pre.hook.backup.velero.io/timeout: {{ .root.Values.backup.velero.dumpTimeout }}
{{- else if eq .pod "postgresql" }}
pre.hook.backup.velero.io/container: postgresql
pre.hook.backup.velero.io/command: '["pg_dumpall","--host=/var/lib/keryx/run/postgresql","--username=postgres","--no-password","--file=/var/lib/keryx/data/postgresql/backup.sql"]'
pre.hook.backup.velero.io/timeout: {{ .root.Values.backup.velero.dumpTimeout }}
{{- end }}
{{- end }}
{{- end }}
