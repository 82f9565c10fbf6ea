"""The main job, played on demand from a real trace: from published policy to paid provider."""
