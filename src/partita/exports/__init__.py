"""The declarations of an app in the formats of other catalogs, and a document of another system as declarations."""
