"""What everything stands on: device, files, figures; nothing here knows of models."""
