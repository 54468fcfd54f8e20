{{- define "picket.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "picket.container" -}}
image: {{ include "picket.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end -}}

{{- define "picket.labels" -}}
app.kubernetes.io/part-of: picket
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* What pods of one part are known by; never changes, since selectors cannot. */}}
{{- define "picket.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{- define "picket.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  app.kubernetes.io/name: {{ .name }}
  {{- include "picket.labels" .root | nindent 2 }}
{{- end -}}

{{/* For objects outside of any namespace. */}}
{{- define "picket.clusterMetadata" -}}
name: {{ .name }}
labels:
  app.kubernetes.io/name: {{ .name }}
  {{- include "picket.labels" .root | nindent 2 }}
{{- end -}}

{{/* No right at all beyond running. */}}
{{- define "picket.closed" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "picket.unprivileged" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
{{- end -}}

{{/* The settings that the chart itself decides. */}}
{{- define "picket.settings" -}}
cluster: {{ .Values.cluster }}
central-url: https://picket-central.{{ .Release.Namespace }}.svc:7443
central-names: [localhost, 127.0.0.1, picket-central.{{ .Release.Namespace }}.svc{{ with .Values.central.clusterIP }}, {{ . }}{{ end }}]
central-listen: 0.0.0.0:7443
api-listen: 0.0.0.0:7444
central-metrics-listen: 0.0.0.0:7446
{{- if or .Values.central.audit .Values.central.admission }}
audit-listen: 0.0.0.0:7447
{{- end }}
{{- if .Values.central.admission }}
admission-webhook: picket
{{- end }}
publish-authority: {{ .Release.Namespace }}/picket-ca
ca-file: /etc/picket/ca/ca.crt
enrol-token-file: /var/run/secrets/picket/token
agent-accounts: [{{ .Release.Namespace }}/picket-agent]
join-token: false
alert-log-stdout: {{ .Values.agent.alertsOnStdout }}
{{- if .Values.central.notify.documents }}
notify-file: /etc/picket/notify/notify.yaml
{{- end }}
{{- if .Values.central.policies }}
policy-files:
  {{- range $name, $_ := .Values.central.policies }}
  - /etc/picket/policies/{{ $name }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* A change of the settings restarts the pods. */}}
{{- define "picket.settingsHash" -}}
{{ merge (deepCopy .Values.settings) (include "picket.settings" . | fromYaml) | toYaml | sha256sum }}
{{- end -}}

{{/* A token by itself, readable by an unprivileged user; a container that does not mount it has none. */}}
{{- define "picket.tokenVolume" -}}
projected:
  defaultMode: 0444
  sources:
    - serviceAccountToken: { path: token, expirationSeconds: 3600 }
    - configMap:
        name: kube-root-ca.crt
        items:
          - { key: ca.crt, path: ca.crt }
{{- end -}}
