"""How the claim is computed: the only room that speaks to the sampler stack."""
