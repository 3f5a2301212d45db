"""The smallest low-code manifest that the CDK takes: one stream, no settings."""

from __future__ import annotations

MANIFEST = """\
version: 7.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [items]}
streams:
  - type: DeclarativeStream
    name: items
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: "http://127.0.0.1:9", path: items}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
spec: {type: Spec, connection_specification: {type: object, properties: {}}}
"""
