"""The judge: one suite that tells what a DynamoDB-compatible endpoint keeps of DynamoDB's promises."""
