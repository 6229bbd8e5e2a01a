"""The bundled sample clip and its ground truth."""
