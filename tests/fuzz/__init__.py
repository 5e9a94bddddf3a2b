"""Random but structured requests for every rpc of InferenceService, and a judge of what comes back."""
