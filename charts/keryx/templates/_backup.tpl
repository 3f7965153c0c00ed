{{/* Whether Velero gets a dump of a pod in place of its data: (dict "root" $ "pod" "openldap").

Files that a database is writing, copied one after the other, make no database. A snapshot takes all of them at one moment,
which is what a power cut leaves: both databases come back from it by themselves. So a dump is made for copies of files
only, and lies in a volume of its own, which Velero fills again before the pod's containers start. */}}
{{- define "keryx.dumped" -}}
{{- $velero := .root.Values.backup.velero }}
{{- if and $velero.enabled $velero.fileSystem (has .pod (list "openldap" "postgresql")) }}true{{ end }}
{{- end }}

{{/* Annotations that tell Velero what to copy, and by which command to have a dump made before; without a shell. */}}
{{- define "keryx.backupAnnotations" -}}
{{- $spec := get (include "keryx.table" .root | fromYaml) .pod }}
{{- if include "keryx.dumped" . }}
backup.velero.io/backup-volumes: dump
# For a Velero that copies all volumes unless told otherwise (defaultVolumesToFsBackup).
backup.velero.io/backup-volumes-excludes: data
pre.hook.backup.velero.io/container: {{ .pod }}
pre.hook.backup.velero.io/command: '["keryx","dump","{{ .pod }}"]'
pre.hook.backup.velero.io/timeout: {{ .root.Values.backup.velero.dumpTimeout }}
{{- else if and .root.Values.backup.velero.enabled .root.Values.backup.velero.fileSystem $spec.volume }}
backup.velero.io/backup-volumes: data
{{- end }}
{{- end }}
